import { z } from 'zod';
import { OBJECT_NAME_FORM, SECRET_KEY_FORM, text, URL_FORM } from './fields.ts';
import { withRule } from './rules.ts';

/** One value of a Secret in the cluster resource's own namespace. */
export type SecretKeyRef = z.output<typeof tokenSecretRefSchema>;
/** Where TLS material comes from; everything in the cluster resource's own namespace. */
export type TlsSettings = z.output<typeof tlsSchema>;
export type StorageControllerSettings = z.output<typeof storageControllerSchema>;

const secretName = () => text(OBJECT_NAME_FORM).describe('Name of the Secret, in the same namespace.');
const key = (description: string, value: string) => text(SECRET_KEY_FORM).describe(description).prefault(value);

const tokenSecretRefSchema = z
  .object({ name: secretName(), key: key('Key of the token in the Secret.', 'token') })
  .describe('The Secret that holds the bearer token; read again whenever it changes. When absent, no token is sent.');

export const authSchema = z
  .object({ tokenSecretRef: tokenSecretRefSchema.optional() })
  .describe('How the operator proves itself to the safekeepers. When absent, it sends no token.');

export const tlsSchema = withRule(
  z.object({
    caSecretRef: z
      .object({ name: secretName(), key: key('Key of the PEM bundle in the Secret.', 'ca.crt') })
      .describe(
        "The Secret that holds the certificate authorities of the safekeepers. When it and caConfigMapRef are absent, the system's are trusted.",
      )
      .optional(),
    caConfigMapRef: z
      .object({
        name: text(OBJECT_NAME_FORM).describe('Name of the ConfigMap, in the same namespace.'),
        key: key('Key of the PEM bundle in the ConfigMap.', 'ca.crt'),
      })
      .describe('The ConfigMap to use in place of caSecretRef. When absent, caSecretRef is used.')
      .optional(),
    clientCertSecretRef: z
      .object({
        name: secretName(),
        certKey: key('Key of the PEM certificate chain in the Secret.', 'tls.crt'),
        key: key('Key of the PEM private key in the Secret.', 'tls.key'),
      })
      .describe('The Secret of the client certificate. When absent, none is presented.')
      .optional(),
    serverName: text(OBJECT_NAME_FORM)
      .describe('The name that certificates must carry. When absent, the host of each URL.')
      .optional(),
  }),
  {
    cel: '!(has(self.caSecretRef) && has(self.caConfigMapRef))',
    holds: (tls) => tls.caSecretRef === undefined || tls.caConfigMapRef === undefined,
    message: 'must have at most one of caSecretRef and caConfigMapRef',
  },
).describe('How https:// addresses of safekeepers are verified; the storage controller is by the same authorities.');

export const storageControllerSchema = z
  .object({
    url: text(URL_FORM).describe('Address of the storage controller.'),
    tokenSecretRef: tokenSecretRefSchema.optional(),
  })
  .describe(
    'A storage controller that says which timelines belong to which safekeeper; a timeline that it no longer names ' +
      "is never restored. When absent, the safekeepers' own lists are the only source.",
  );
