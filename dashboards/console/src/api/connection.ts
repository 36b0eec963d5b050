// How old the page's news is: by its sockets, or where a room has none, by a small question every few seconds.

interface Aged {
  age(): number;
}

/** A silence is told after so many seconds. */
export const SILENT_S = 5;
/** How often a room without a socket asks, milliseconds. */
const ASK_EVERY = 4000;

class Connection implements Aged {
  private readonly sockets = new Set<Aged>();
  private answered = performance.now();
  private asking = false;

  constructor() {
    window.setInterval(() => this.ask(), ASK_EVERY);
  }

  follow(socket: Aged): void {
    this.sockets.add(socket);
  }

  forget(socket: Aged): void {
    this.sockets.delete(socket);
    this.answered = performance.now();
  }

  /** Seconds since the daemon was last heard. */
  age(): number {
    const ages = [...this.sockets].map((socket) => socket.age());
    return ages.length ? Math.max(...ages) : (performance.now() - this.answered) / 1000;
  }

  private ask(): void {
    if (this.sockets.size || this.asking) return;
    this.asking = true;
    fetch("/healthz", { cache: "no-store" })
      .then(() => {
        this.answered = performance.now();
      })
      .catch(() => null)
      .finally(() => {
        this.asking = false;
      });
  }
}

/** The one connection of this page. */
export const connection = new Connection();
