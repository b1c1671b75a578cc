import { Router } from '../http/router.ts';
import type { Answer } from './answer.ts';
import { aggregatedDiscovery, coreVersions, groupDocument, groupList, resourceList, VERSION } from './discovery.ts';
import { wantsAggregatedDiscovery } from './negotiation.ts';
import { openApiDocument, openApiIndex } from './openapi.ts';
import type { ApiRequest } from './request.ts';
import type { ResourceTypes } from './resource-type.ts';
import { NoSuchPath, notAcceptable } from './status-error.ts';

type MetaHandler = (request: ApiRequest, params: Readonly<Record<string, string>>) => Answer;

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Everything that is not about objects: version, health, discovery and OpenAPI. */
export function metaRoutes(types: ResourceTypes): Router<MetaHandler> {
  const health: MetaHandler = () => ({ status: 200, body: 'ok', contentType: 'text/plain; charset=utf-8' });
  return new Router<MetaHandler>()
    .add('GET', '/version', () => found(VERSION))
    .add('GET', '/healthz', health)
    .add('GET', '/livez', health)
    .add('GET', '/readyz', health)
    .add('GET', '/api', ({ accept }) => discovery(types, 'core', accept))
    .add('GET', '/apis', ({ accept }) => discovery(types, 'groups', accept))
    .add('GET', '/api/:version', (_, { version = '' }) => found(resourceList(types, '', version)))
    .add('GET', '/apis/:group', (_, { group = '' }) => found(groupDocument(types, group)))
    .add('GET', '/apis/:group/:version', (_, { group = '', version = '' }) =>
      found(resourceList(types, group, version)),
    )
    .add('GET', '/openapi/v3', () => found(openApiIndex(types)))
    .add('GET', '/openapi/v3/api/:version', ({ accept }, { version = '' }) => openApi(types, '', version, accept))
    .add('GET', '/openapi/v3/apis/:group/:version', ({ accept }, { group = '', version = '' }) =>
      openApi(types, group, version, accept),
    );
}

function found(body: unknown): Answer {
  if (body === undefined) throw new NoSuchPath();
  return { status: 200, body };
}

function discovery(types: ResourceTypes, root: 'core' | 'groups', accept: string | undefined): Answer {
  if (wantsAggregatedDiscovery(accept)) {
    return { status: 200, body: aggregatedDiscovery(types, root), contentType: AGGREGATED };
  }
  return found(root === 'core' ? coreVersions() : groupList(types));
}

function openApi(types: ResourceTypes, group: string, version: string, accept: string | undefined): Answer {
  const jsonAccepted = /application\/json|\*\/\*/.test(accept ?? '*/*');
  if (!jsonAccepted) throw notAcceptable();
  return found(openApiDocument(types, group, version));
}
