"""What tools/bench-suite is made of: measuring, results on disk, floors, the page."""
