"""The constants of the six realms. It imports few modules, because `control.py` has to start fast.

All values are invented and public. A realm has one team, and the team has one API key.
"""

from collections import namedtuple

REGIONS = ("us", "eu")
_CODES = {"production": "prd", "sandbox": "stg", "dev": "dev"}  # as in the issuer of sign-in tokens
_KEY_PREFIXES = {"production": "pk", "sandbox": "sk", "dev": "sk"}


class Place(namedtuple("Place", "environment region")):
    __slots__ = ()

    @property
    def prefix(self):
        """The start of the path of each of its base URLs."""
        return f"/{self.environment}/{self.region}"

    @property
    def api_key(self):
        return f"{_KEY_PREFIXES[self.environment]}_{self.region}_emulator_{self.environment}_{self.region}_0123456789"

    @property
    def team_id(self):
        return f"7ea30000-0000-4000-8000-{PLACES.index(self):012x}"

    @property
    def tenant_id(self):
        return f"emulator-tenant-{self.environment}-{self.region}"

    @property
    def public_key(self):
        """The public key in a sign-in token beside the JWT. Only the wire profile `gcip` uses it."""
        return f"emulator-public-key-{self.environment}-{self.region}"

    @property
    def sign_in_issuer(self):
        name = f"{_CODES[self.environment]}-{self.region}"
        return f"id-signer-{name}@vital-id-{name}.iam.gserviceaccount.com"

    @property
    def access_issuer(self):
        label = "" if self.environment == "production" else f".{self.environment}"
        return f"https://auth{label}.{self.region}.junction.com"


PLACES = [Place(environment, region) for environment in _CODES for region in REGIONS]
