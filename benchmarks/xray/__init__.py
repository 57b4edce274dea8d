"""Making the masks of chest X-rays, and measuring them."""
