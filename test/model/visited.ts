const STATES_PER_PAGE = 1 << 15;
const NONE = -1;

/** All states found so far, in the order of their discovery: whole, so that nothing is taken for known by a mere hash. */
export class Visited {
  private readonly pages: Uint32Array[] = [];
  private readonly parents: Int32Array[] = [];
  private readonly wordCount: number;
  private readonly words: Uint32Array;
  private readonly bytes: Uint8Array;
  private slots = new Int32Array(1 << 16).fill(NONE);
  size = 0;

  /** States have this many bytes, a multiple of 4. */
  constructor(sizeBytes: number) {
    this.wordCount = sizeBytes / 4;
    this.words = new Uint32Array(this.wordCount);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  /** False when the state is known already. */
  add(bytes: Uint8Array, parent: number): boolean {
    this.bytes.set(bytes);
    let slot = this.hash(this.words, 0) & (this.slots.length - 1);
    for (let known = this.slots[slot] as number; known !== NONE; known = this.slots[slot] as number) {
      if (this.isAt(known)) return false;
      slot = (slot + 1) & (this.slots.length - 1);
    }
    const [page, offset] = [Math.floor(this.size / STATES_PER_PAGE), this.size % STATES_PER_PAGE];
    (this.pages[page] ??= new Uint32Array(STATES_PER_PAGE * this.wordCount)).set(this.words, offset * this.wordCount);
    (this.parents[page] ??= new Int32Array(STATES_PER_PAGE))[offset] = parent;
    this.slots[slot] = this.size++;
    if (this.size * 2 > this.slots.length) this.grow();
    return true;
  }

  copyTo(state: number, bytes: Uint8Array): void {
    const page = this.pages[Math.floor(state / STATES_PER_PAGE)] as Uint32Array;
    const at = (state % STATES_PER_PAGE) * this.wordCount;
    for (let word = 0; word < this.wordCount; word++) this.words[word] = page[at + word] as number;
    bytes.set(this.bytes);
  }

  parentOf(state: number): number {
    return this.parents[Math.floor(state / STATES_PER_PAGE)]?.[state % STATES_PER_PAGE] ?? NONE;
  }

  private isAt(state: number): boolean {
    const page = this.pages[Math.floor(state / STATES_PER_PAGE)] as Uint32Array;
    const at = (state % STATES_PER_PAGE) * this.wordCount;
    for (let word = 0; word < this.wordCount; word++) if (page[at + word] !== this.words[word]) return false;
    return true;
  }

  private hash(words: Uint32Array, at: number): number {
    let hash = 0x9e3779b9;
    for (let word = 0; word < this.wordCount; word++) {
      hash = Math.imul(hash ^ (words[at + word] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  private grow(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(NONE);
    for (let state = 0; state < this.size; state++) {
      const page = this.pages[Math.floor(state / STATES_PER_PAGE)] as Uint32Array;
      let slot = this.hash(page, (state % STATES_PER_PAGE) * this.wordCount) & (slots.length - 1);
      while (slots[slot] !== NONE) slot = (slot + 1) & (slots.length - 1);
      slots[slot] = state;
    }
    this.slots = slots;
  }
}
