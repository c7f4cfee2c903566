"""What bench_strategies.py is made of."""
