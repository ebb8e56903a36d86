"""What happened: reported intervals, timelines, occupied time and grids of quarter hours."""
