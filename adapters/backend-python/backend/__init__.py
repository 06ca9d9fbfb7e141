"""A customer's backend: it logs app users in and hands each a sign-in token of the vendor."""
