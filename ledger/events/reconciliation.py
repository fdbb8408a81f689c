"""What was compared with Stripe and the bank, and the exceptions that people work off."""
