"""Networks with named taps, and the preparations that turn raw samples into their inputs."""
