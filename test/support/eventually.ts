/** Waits until `probe` gives something else than undefined or false; throws after a few seconds. For I/O that is under way. */
export async function eventually<T>(what: string, probe: () => T | undefined | false): Promise<T> {
  const deadlineMs = performance.now() + 10_000;
  for (;;) {
    const found = probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
