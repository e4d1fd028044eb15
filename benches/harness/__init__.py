"""The parts of benches/side_by_side."""
