"""The three panes. Each shows the state it is given and turns keys into wishes; none fetches anything."""
