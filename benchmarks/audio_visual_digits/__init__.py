"""What bench_audio_visual_digits.py is made of."""
