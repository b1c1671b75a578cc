/**
 * Runs `work` over all items, up to `sizeMax` of them at once or done and not yet asked for; yields the outputs in the
 * items' order. After a failure no more items are begun, and it is thrown when those that were begun have ended.
 */
export async function* inSlidingWindow<Item, Output>(
  items: readonly Item[],
  sizeMax: number,
  work: (item: Item) => Promise<Output>,
): AsyncGenerator<Output, void> {
  const running: Array<Promise<Output>> = [];
  let next = 0;
  try {
    while (next < items.length || running.length > 0) {
      while (next < items.length && running.length < sizeMax) running.push(begin(items[next++] as Item, work));
      yield await (running.shift() as Promise<Output>);
    }
  } finally {
    await Promise.allSettled(running);
  }
}

/** Its failure is seen when its turn has come. */
function begin<Item, Output>(item: Item, work: (item: Item) => Promise<Output>): Promise<Output> {
  const output = work(item);
  output.catch(() => undefined);
  return output;
}
