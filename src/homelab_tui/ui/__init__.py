"""The screen: Textual only. It draws the state and turns keys into wishes; it decides nothing and fetches nothing."""
