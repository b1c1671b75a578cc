import { z } from 'zod';
import { bounds } from './bounds.ts';
import { choice, text, whole, type TextForm } from './fields.ts';
import { atomicList } from './lists.ts';
import { withRule } from './rules.ts';

/** Which pods are safekeepers and how they are reached. */
export type PodDiscovery = z.output<typeof podDiscoverySchema>;

const LABEL_KEY_FORM: TextForm = {
  pattern: '^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$',
  lengthMax: 317,
  message: 'must be a label key',
};

const LABEL_VALUE_FORM: TextForm = {
  pattern: '^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$',
  lengthMax: 63,
  message: 'must be a label value: at most 63 letters, digits, -, _ and .',
};

const HOST_TEMPLATE_FORM: TextForm = {
  pattern: '^([a-z0-9.-]|\\{namespace\\})*\\{pod\\}([a-z0-9.-]|\\{namespace\\})*$',
  lengthMax: 253,
  message: 'must be a host name with the placeholder {pod} and optionally {namespace}',
};

const requirementSchema = withRule(
  z.object({
    key: text(LABEL_KEY_FORM).describe('The label.'),
    operator: choice(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared with values.'),
    values: atomicList(text(LABEL_VALUE_FORM), bounds.labelCountMax)
      .describe('The values; none for Exists and DoesNotExist.')
      .prefault([]),
  }),
  {
    cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    holds: ({ operator, values }) => (operator === 'In' || operator === 'NotIn') === values.length > 0,
    message: 'must have values for In and NotIn, and none for Exists and DoesNotExist',
  },
);

const selectorSchema = withRule(
  z.object({
    matchLabels: z
      .record(z.string(), text(LABEL_VALUE_FORM))
      .refine((labels) => Object.keys(labels).length <= bounds.labelCountMax, 'has too many labels')
      .meta({ maxProperties: bounds.labelCountMax })
      .describe('Labels that a pod must have. When absent, matchExpressions alone decide.')
      .optional(),
    matchExpressions: atomicList(requirementSchema, bounds.labelCountMax)
      .describe('Requirements that a pod must meet, all of them. When absent, matchLabels alone decide.')
      .optional(),
  }),
  {
    cel: '(has(self.matchLabels) && self.matchLabels.size() > 0) || (has(self.matchExpressions) && self.matchExpressions.size() > 0)',
    holds: ({ matchLabels = {}, matchExpressions = [] }) =>
      Object.keys(matchLabels).length + matchExpressions.length > 0,
    message: 'must not be empty: it would select every pod of the namespace',
  },
);

const podDiscoverySchema = z.object({
  selector: selectorSchema.meta({ 'x-kubernetes-map-type': 'atomic' }).describe('Labels of the safekeeper pods.'),
  port: whole(1, 65_535).describe("Port of the safekeeper's HTTP API.").prefault(7676),
  scheme: choice(['HTTP', 'HTTPS']).describe('Protocol of that port.').prefault('HTTP'),
  host: text(HOST_TEMPLATE_FORM)
    .describe("Host name of a pod, such as {pod}.safekeepers.{namespace}.svc. When absent, the pod's IP address.")
    .optional(),
});

export const discoverySchema = z
  .object({ pods: podDiscoverySchema.describe('Pods of this namespace.') })
  .describe(
    'Where to find the safekeepers, in place of listing them in safekeepers. When absent, safekeepers lists them.',
  );
