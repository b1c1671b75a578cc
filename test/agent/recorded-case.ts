import { readJsonFixture } from '../support/fixtures.ts';

/** One exchange with a real safekeeper. */
export interface RecordedCase {
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
  readonly response: {
    readonly status: number | null;
    readonly headers: readonly (readonly [string, string])[];
    readonly body_text: string;
    /** Of a body that ended early. */
    readonly read_error?: string;
  };
}

export function readRecordedCase(group: string, name: string): RecordedCase {
  return readJsonFixture('http', group, `${name}.json`) as RecordedCase;
}

/** The body as it was sent: with a space after each comma and colon, which decides the columns in error messages. */
export function requestBody(recorded: RecordedCase): string {
  const { body } = recorded.request;
  return typeof body === 'string' ? body : writeSpaced(body);
}

function writeSpaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writeSpaced).join(', ')}]`;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}: ${writeSpaced(inner)}`)
    .join(', ')}}`;
}
