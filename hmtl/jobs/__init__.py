"""Many runs at once: processes on this machine, or Ray."""
