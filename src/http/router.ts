/** What a path means: the handler of the first route that fits and the values of its `:name` segments, percent-decoded. */
export interface RouteMatch<Handler> {
  readonly handler: Handler;
  readonly params: Readonly<Record<string, string>>;
  readonly pattern: string;
}

interface Route<Handler> {
  readonly method: string;
  readonly pattern: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

/** Maps (method, path) to handlers. Patterns are `/v1/tenant/:tenantId`; a trailing slash of the path is ignored. */
export class Router<Handler> {
  private readonly routes: Route<Handler>[] = [];

  add(method: string, pattern: string, handler: Handler): this {
    this.routes.push({ method, pattern, segments: split(pattern), handler });
    return this;
  }

  /** Undefined when no route fits, or when a segment is not valid percent-encoding. */
  match(method: string, path: string): RouteMatch<Handler> | undefined {
    const segments = split(path);
    for (const route of this.routes) {
      if (route.method !== method || route.segments.length !== segments.length) continue;
      const params = bind(route.segments, segments);
      if (params !== undefined) return { handler: route.handler, params, pattern: route.pattern };
    }
    return undefined;
  }
}

function split(path: string): string[] {
  const trimmed = path.endsWith('/') ? path.slice(0, -1) : path;
  return trimmed.split('/').slice(1);
}

function bind(pattern: readonly string[], segments: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const actual = segments[index] ?? '';
    if (!expected.startsWith(':')) {
      if (expected !== actual) return undefined;
      continue;
    }
    if (actual === '') return undefined;
    try {
      params[expected.slice(1)] = decodeURIComponent(actual);
    } catch {
      return undefined;
    }
  }
  return params;
}
