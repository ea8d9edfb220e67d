"""What stands in front of Accredit: checks of gateway configurations."""
