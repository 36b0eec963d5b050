// A room that fails takes no other with it, and says so.

import { Component, type ReactNode } from "react";
import { w } from "../words/index.ts";

interface Props {
  /** A new room is a new attempt. */
  room: string;
  children: ReactNode;
}

export class Boundary extends Component<Props, { failed: string; room: string }> {
  override state = { failed: "", room: this.props.room };

  static getDerivedStateFromError(error: unknown) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }

  static getDerivedStateFromProps(props: Props, state: { failed: string; room: string }) {
    return props.room === state.room ? null : { failed: "", room: props.room };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="empty">
        <div className="panel note" role="alert">
          <h2>{w().frame.broken}</h2>
          <p>{w().frame.brokenText}</p>
          <pre className="s">{this.state.failed.slice(0, 1200)}</pre>
          <button type="button" className="btn" onClick={() => this.setState({ failed: "" })}>
            {w().frame.retry}
          </button>
        </div>
      </main>
    );
  }
}
