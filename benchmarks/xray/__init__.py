"""Where the masks of chest X-rays come from, and what measures them."""
