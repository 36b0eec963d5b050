// Pictures and levels that came, drawn together at a beat: each drawing makes the browser compose all canvases of the
// wall anew, so many small ones cost far more than one that holds them all.

/** How many tiles are on the screen, at most, and how often pictures are drawn then, milliseconds. */
const BEATS: [number, number][] = [
  [30, 100],
  [120, 250],
];
/** With more tiles: as often as pictures come. Levels wait as well, too small to be read more often. */
const SLOWEST = 1000;

type Level = [rms: number | null, peak: number | null, clipped: boolean];

export interface Painter {
  picture(id: string, at: number, image: ImageBitmap): void;
  level(id: string, rms: number | null, peak: number | null, clipped: boolean): void;
}

export class Pictures {
  private readonly waiting = new Map<string, { at: number; image: ImageBitmap }>();
  private readonly levels = new Map<string, Level>();
  private beat = 0;
  private timer = 0;

  constructor(private readonly painter: Painter) {
    this.pace(0);
  }

  /** Draws as often as so many tiles bear. */
  pace(tiles: number): void {
    const beat = BEATS.find(([most]) => tiles <= most)?.[1] ?? SLOWEST;
    if (beat === this.beat) return;
    this.beat = beat;
    clearInterval(this.timer);
    this.timer = window.setInterval(() => this.flush(), beat);
  }

  /** Only the newest picture of a stream is drawn. */
  picture(id: string, at: number, image: ImageBitmap): void {
    this.waiting.get(id)?.image.close();
    this.waiting.set(id, { at, image });
  }

  level(id: string, ...level: Level): void {
    if (this.beat === SLOWEST) this.levels.set(id, level);
    else this.painter.level(id, ...level);
  }

  private flush(): void {
    for (const [id, { at, image }] of this.waiting) {
      this.painter.picture(id, at, image);
      image.close();
    }
    for (const [id, level] of this.levels) this.painter.level(id, ...level);
    this.waiting.clear();
    this.levels.clear();
  }

  close(): void {
    clearInterval(this.timer);
    for (const { image } of this.waiting.values()) image.close();
    this.waiting.clear();
  }
}
