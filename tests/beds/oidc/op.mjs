// A real authorization server for the tests: client credentials with a resource indicator
// (RFC 8707) and access tokens as RFC 9068 writes them.
//
// usage: node op.mjs PORT KEYS.json
//
// KEYS.json is a private JWK set that the caller writes. The first key of an algorithm signs.
// SIGHUP reads the file again and starts a new provider on the same port, so keys rotate without a
// gap in service. Clients: `partner` with the secret `partner-secret`.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { Provider, errors } from 'oidc-provider';

const [port, keyFile] = [Number(process.argv[2]), process.argv[3]];
const issuer = `http://127.0.0.1:${port}`;
const SCOPES = ['orders:read', 'orders:admin', 'billing:read'];

// Resource -> algorithm of its tokens.
const RESOURCES = new Map([
  ['https://api.example/orders', 'RS256'],
  ['https://api.example/billing', 'ES256'],
]);

function resourceServer(resource) {
  const alg = RESOURCES.get(resource);
  if (!alg) throw new errors.InvalidTarget();
  return {
    scope: SCOPES.join(' '),
    accessTokenFormat: 'jwt',
    accessTokenTTL: 300,
    jwt: { sign: { alg } },
  };
}

function provider() {
  const made = new Provider(issuer, {
    jwks: JSON.parse(readFileSync(keyFile, 'utf8')),
    scopes: SCOPES,
    clients: [{
      client_id: 'partner',
      client_secret: 'partner-secret',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        getResourceServerInfo: (_context, resource) => resourceServer(resource),
      },
    },
  });
  made.on('server_error', (_context, error) => console.error('server_error', error));
  return made.callback();
}

let handle = provider();
process.on('SIGHUP', () => { handle = provider(); });
createServer((request, response) => handle(request, response))
  .listen(port, '127.0.0.1', () => console.log(`ready ${issuer}`));
