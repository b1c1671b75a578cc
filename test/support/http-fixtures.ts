import { listFixtures, readJsonFixture } from './fixtures.ts';

/** One recorded request and its answer; status null when the connection was closed without one. */
export interface RecordedExchange {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown };
  readonly response: { readonly status: number | null; readonly body_text?: string };
}

export function readExchange(group: string, name: string): RecordedExchange {
  return readJsonFixture('http', group, `${name}.json`) as RecordedExchange;
}

/** All exchanges of a group that got an answer. */
export function readExchanges(group: string): RecordedExchange[] {
  return listFixtures(`http/${group}`, '.json')
    .map((name) => readExchange(group, name))
    .filter(({ response }) => typeof response?.status === 'number');
}

export function bodyOf(exchange: RecordedExchange): string {
  return exchange.response.body_text ?? '';
}
