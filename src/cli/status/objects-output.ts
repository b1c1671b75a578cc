import { stringify } from 'yaml';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { KubeObject } from '../../kube/object.ts';

export type ObjectFormat = 'json' | 'yaml';

/** Objects as kubectl prints them: a `List`, or the object itself where one was asked for by name. */
export function formatObjects(objects: readonly KubeObject[], format: ObjectFormat, isSingle: boolean): string {
  const [only] = objects;
  if (isSingle && objects.length === 1 && only !== undefined) return formatAny(withoutManagers(only), format);
  const items = objects.map(withoutManagers);
  return formatAny({ apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }, format);
}

/** The same, piece by piece: for lists that no memory should have to hold. */
export async function* streamObjects(
  objects: AsyncIterable<SafekeeperCluster | SafekeeperTimeline>,
  format: ObjectFormat,
): AsyncGenerator<string> {
  let count = 0;
  for await (const object of objects) {
    const item = withoutManagers(object);
    if (format === 'yaml') {
      yield `${count === 0 ? 'apiVersion: v1\nitems:\n' : ''}${formatAny([item], 'yaml')}`;
    } else {
      const text = JSON.stringify(item, undefined, 4).replaceAll('\n', '\n        ');
      yield `${count === 0 ? '{\n    "apiVersion": "v1",\n    "items": [\n' : ',\n'}        ${text}`;
    }
    count++;
  }
  if (count === 0) yield formatObjects([], format, false);
  else if (format === 'yaml') yield 'kind: List\nmetadata:\n  resourceVersion: ""\n';
  else yield '\n    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n';
}

function formatAny(value: unknown, format: ObjectFormat): string {
  if (format === 'json') return `${JSON.stringify(value, undefined, 4)}\n`;
  // As YAML 1.1 has it, which most readers know: a text that looks like a time or a truth value is quoted.
  return stringify(value, {
    version: '1.1',
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    sortMapEntries: true,
  });
}

/** The field managers are half of an object, and hidden by kubectl, too. */
function withoutManagers(object: KubeObject): KubeObject {
  const { managedFields: _hidden, ...metadata } = object.metadata;
  return { ...object, metadata };
}
