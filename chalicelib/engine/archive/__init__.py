"""Read pg_dump's custom format by ourselves: its table of contents, its blocks, its rows.

An archive is a header, a table of contents, and one block for every entry that has data. Lengths
stand before everything, and a flipped bit may claim any length: so every length is capped before
it is believed, memory grows only with bytes that really came, and whatever does not fit together
is IntegrityFailed.
"""
