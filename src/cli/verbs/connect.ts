import { KubeClient } from '../../kube/kube-client.ts';
import { accessOf, interactiveRuntime, type NamespaceFlags, namespaceOf } from '../kube-options.ts';

/** What a command that changes objects works with. */
export interface Connection extends AsyncDisposable {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

export async function connect(flags: NamespaceFlags): Promise<Connection> {
  const access = accessOf(flags);
  const namespace = await namespaceOf(flags, access);
  const client = new KubeClient(access, interactiveRuntime());
  return {
    client,
    namespace,
    signal: new AbortController().signal,
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
