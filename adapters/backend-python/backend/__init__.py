"""A customer's backend: it logs app users in and issues sign-in tokens of the vendor to them."""
