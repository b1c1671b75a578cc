import { customResourceDefinitions } from '../../src/api/crd.ts';

export const DEFINITIONS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const ESTABLISHED_TIMEOUT_MS = 20_000;

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }> };
}

/** Applies both kinds, and waits until they are served. */
export async function installDefinitions(url: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const definition of customResourceDefinitions()) await installDefinition(url, definition, headers);
}

export async function installDefinition(
  url: string,
  definition: Definition,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const at = `${url}${DEFINITIONS_PATH}/${definition.metadata.name}`;
  const response = await fetch(`${at}?fieldManager=test&fieldValidation=Strict`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/apply-patch+yaml' },
    body: JSON.stringify(definition),
  });
  if (!response.ok) throw new Error(`${definition.metadata.name}: ${await response.text()}`);
  const deadlineMs = performance.now() + ESTABLISHED_TIMEOUT_MS;
  for (;;) {
    const { status } = (await (await fetch(at, { headers })).json()) as Definition;
    if (status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True'))
      return;
    if (performance.now() > deadlineMs) throw new Error(`${definition.metadata.name} does not get established`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
