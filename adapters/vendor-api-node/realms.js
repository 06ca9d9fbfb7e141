// The constants of the six realms. All values are invented and public. A realm has one team, with one API key.

const CODES = { production: 'prd', sandbox: 'stg', dev: 'dev' }; // as in the issuer of sign-in tokens
const KEY_PREFIXES = { production: 'pk', sandbox: 'sk', dev: 'sk' };
const REGIONS = ['us', 'eu'];

export const REALMS = Object.keys(CODES).flatMap((environment) =>
  REGIONS.map((region, number) => ({
    environment,
    region,
    prefix: `/${environment}/${region}`,
    apiKey: `${KEY_PREFIXES[environment]}_${region}_example_${environment}_${region}_0123456789`,
    publicKey: `example-public-key-${environment}-${region}`,
    tenant: `example-tenant-${environment}-${region}`,
    team: `7ea30000-0000-4000-8000-00000000000${2 * Object.keys(CODES).indexOf(environment) + number}`,
    signInIssuer: `id-signer-${CODES[environment]}-${region}@vital-id-${CODES[environment]}-${region}.iam.gserviceaccount.com`,
  })),
);

/** A sign-in token, as apps receive it: the public key of the project beside the JWT. */
export function envelope(realm, jwt) {
  return Buffer.from(JSON.stringify({ public_key: realm.publicKey, user_token: jwt })).toString('base64');
}
