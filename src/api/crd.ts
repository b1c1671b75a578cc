import { z } from 'zod';
import { clusterSpecSchema } from './cluster-spec.ts';
import { clusterStatusSchema } from './cluster-status.ts';
import { API_GROUP, API_VERSION_NAME, CLUSTER_NAME_LENGTH_MAX, CLUSTER_NAMES, TIMELINE_NAMES } from './names.ts';
import type { ResourceNames } from './names.ts';
import { CLUSTER_COLUMNS, TIMELINE_COLUMNS, type PrinterColumn } from './printer-columns.ts';
import { celRules } from './rules.ts';
import { timelineSpecSchema } from './timeline-spec.ts';
import { timelineStatusSchema } from './timeline-status.ts';

/** An `apiextensions.k8s.io/v1` manifest with a single served and stored version. */
export interface CustomResourceDefinition {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: 'Namespaced';
    readonly names: ResourceNames;
    readonly versions: readonly [
      {
        readonly name: string;
        readonly served: true;
        readonly storage: true;
        readonly schema: { readonly openAPIV3Schema: Readonly<Record<string, unknown>> };
        readonly subresources: { readonly status: Record<string, never> };
        readonly additionalPrinterColumns: readonly PrinterColumn[];
      },
    ];
  };
}

const clusterNameRule = {
  cel: `self.metadata.name.size() <= ${CLUSTER_NAME_LENGTH_MAX}`,
  message: `metadata.name must have at most ${CLUSTER_NAME_LENGTH_MAX} characters: it becomes a label of every timeline`,
};

/** The manifests of both kinds, made from the schemas that also parse the objects. */
export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return [
    manifest(
      CLUSTER_NAMES,
      CLUSTER_COLUMNS,
      objectSchema(
        'Where the safekeepers of a Neon cluster are and how their timelines are kept redundant. Deleting it deletes no ' +
          'timeline.',
        clusterSpecSchema,
        clusterStatusSchema,
      ).meta(celRules(clusterNameRule)),
    ),
    manifest(
      TIMELINE_NAMES,
      TIMELINE_COLUMNS,
      objectSchema(
        'The redundancy of one timeline. Deleting it does not delete the timeline. Annotations ask for more: ' +
          'safekeeper.dev/approve: <proposal id> runs a proposal; safekeeper.dev/force-donor: <proposal id> runs one that ' +
          'may lose WAL; safekeeper.dev/reconcile-at: <any new value> probes now; safekeeper.dev/paused-until: <RFC 3339 ' +
          'time> pauses.',
        timelineSpecSchema,
        timelineStatusSchema,
      ),
    ),
  ];
}

function objectSchema(description: string, spec: z.ZodType, status: z.ZodType) {
  return z
    .object({
      apiVersion: z.string().describe('Version of this schema.').optional(),
      kind: z.string().describe('Kind of the object.').optional(),
      metadata: z.looseObject({}).optional(),
      spec,
      status: status.optional(),
    })
    .describe(description);
}

function manifest(
  names: ResourceNames,
  additionalPrinterColumns: readonly PrinterColumn[],
  schema: z.ZodType,
): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: 'Namespaced',
      names,
      versions: [
        {
          name: API_VERSION_NAME,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: structuralSchema(schema) },
          subresources: { status: {} },
          additionalPrinterColumns,
        },
      ],
    },
  };
}

/**
 * The schema of what a client may send, before defaulting. zod says `additionalProperties` beside `properties`, which
 * a structural schema must not: the API server prunes what is unknown. Of `metadata` only the type may be said.
 */
function structuralSchema(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema: _, ...root } = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => {
      if (jsonSchema.properties === undefined) return;
      delete jsonSchema.additionalProperties;
      if (Object.keys(jsonSchema.properties).length === 0) delete jsonSchema.properties;
    },
  });
  return root;
}
