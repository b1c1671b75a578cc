import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { parseLosslessJson } from '../../src/http/json.ts';

/** Absolute path below test/fixtures. */
export function fixturePath(...parts: readonly string[]): string {
  return fileURLToPath(new URL(`../fixtures/${parts.join('/')}`, import.meta.url));
}

export function readFixture(...parts: readonly string[]): Buffer {
  return readFileSync(fixturePath(...parts));
}

/** Names in a fixture folder that end in `suffix`, without it. */
export function listFixtures(folder: string, suffix: string): string[] {
  return readdirSync(fixturePath(folder))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

/** Integers beyond 2^53 are bigints. */
export function readJsonFixture(...parts: readonly string[]): unknown {
  return parseLosslessJson(readFixture(...parts).toString('utf8'));
}

export function readGzipFixture(...parts: readonly string[]): Buffer {
  return gunzipSync(readFixture(...parts));
}
