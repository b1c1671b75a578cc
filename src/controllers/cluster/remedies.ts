import type { ClusterSpec } from '../../api/cluster-spec.ts';

/** What a person can do when a safekeeper refuses what it is shown; the end of a sentence. */
export function describeCredentialRemedy({ tokenSecretRef }: Pick<ClusterSpec, 'tokenSecretRef'>): string {
  return tokenSecretRef === undefined
    ? 'set spec.auth.tokenSecretRef of the cluster'
    : `renew the token at key ${tokenSecretRef.key} of Secret ${tokenSecretRef.name}, to which spec.auth.tokenSecretRef refers`;
}

/** What a person can do when safekeepers are not who they should be; the end of a sentence. */
export function describeIdRemedy({ source }: Pick<ClusterSpec, 'source'>): string {
  return source.kind === 'static'
    ? 'correct spec.safekeepers of the cluster'
    : 'give every safekeeper an id of its own, and delete the pod that should not have this one';
}
