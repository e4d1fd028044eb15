"""What benches/side_by_side is made of."""
