"""Speed, measured as ratios within one run: absolute figures say more about the machine than about the program.

One module per figure, each with `main() -> None` that prints what it measured. `make bench` runs them all,
`make bench ARGS="table"` those named.
"""
