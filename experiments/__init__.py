"""What people run: configs, the command `whatwhen`, and the functions behind it."""
