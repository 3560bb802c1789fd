// An OpenID provider at the issuer and for the clients that the first argument (JSON) names. Whoever signs in is believed.
import Provider from 'oidc-provider';

const { issuer, port, clients } = JSON.parse(process.argv[2]);
const provider = new Provider(issuer, {
  clients,
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  claims: { openid: ['sub', 'name', 'email', 'preferred_username'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `Name of ${id}`, preferred_username: `user ${id}`, email: `${id}@example.test` }),
  }),
});
provider.listen(port, '127.0.0.1', () => console.log('ready'));
