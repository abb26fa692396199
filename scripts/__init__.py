"""What the Makefile runs: set-up, locks, generated pages and pictures. No part of the product."""
