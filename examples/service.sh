#!/bin/sh
# Ask a service from the shell. Start one first: lungct serve
# Run: sh examples/service.sh [URL] [FILE]
set -eu
url=${1:-http://127.0.0.1:8000}
scan=${2:-examples/slices/covid19-ny-sbu-A002304.png}
set --
if [ -n "${LUNGCT_TOKEN:-}" ]; then set -- -H "Authorization: Bearer $LUNGCT_TOKEN"; fi

ask() { curl --silent --show-error --fail-with-body --retry 5 "$@"; }

ask "$@" -F "file=@$scan" "$url/v1/predict"                                                  # JSON
ask "$@" -F "file=@$scan" -H "Accept: image/png" -o overlay.png "$url/v1/predict"            # outline and heatmap
ask "$@" -F "file=@$scan" -H "Accept: image/png" -o mask.png "$url/v1/predict?what=mask"     # 0 and 255
ask "$@" -F "file=@$scan" -H "Accept: application/x-nifti" -o mask.nii.gz "$url/v1/predict"  # on the input's own grid
ask "$@" -F "file=@$scan" -H "Accept: text/html" -o sheet.html "$url/v1/predict"             # the result sheet
ask "$@" -F "file=@$scan" "$url/v1/segment"                                                  # lungs alone
printf '\nWrote overlay.png, mask.png, mask.nii.gz and sheet.html\n'
