import { jsonAnswer } from './answer.ts';
import type { AgentContext } from './context.ts';
import type { Handler } from './request-listener.ts';

/** `GET /v1/status`: who this is. */
export function nodeStatus(context: AgentContext): Handler {
  return async () => jsonAnswer({ id: context.safekeeperId });
}

/** `GET /v1/utilization`. */
export function utilization(context: AgentContext): Handler {
  return async () => jsonAnswer({ timeline_count: context.timelines.list().length });
}

/** `GET /v1/debug/filesystem_usage`: of the whole file system that the data directory is on. */
export function filesystemUsage(context: AgentContext): Handler {
  return async () => {
    const { capacityBytes, usedBytes } = await context.diskUsage(context.dataDirectory);
    return jsonAnswer({
      capacity_bytes: capacityBytes,
      data_dir: context.dataDirectory,
      usage_bytes: usedBytes,
    });
  };
}

/** `GET /metrics`, in the text format of Prometheus. */
export function metrics({ registry }: AgentContext): Handler {
  return async () => ({
    kind: 'text',
    status: 200,
    contentType: registry.contentType,
    text: await registry.metrics(),
  });
}
