// How the console is built: for Chromium 87 and later, in pieces, without anything inline, so that the daemon's
// strict content security policy holds.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** The libraries put their styles into `<style>` elements, which the policy forbids; ours adopts style sheets instead. */
function adoptedStyles(): Plugin {
  const ours = resolve(import.meta.dirname, "src/kit/sheets.ts");
  const theirs = [/@rc-component\/util\/es\/Dom\/dynamicCSS\.js$/, /@ant-design\/icons\/es\/cssUtils\.js$/];
  return {
    name: "vcops-adopted-styles",
    enforce: "pre",
    async resolveId(source, importer, options) {
      if (!/dynamicCSS|cssUtils/.test(source)) return null;
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      const theirOwn = found && theirs.some((path) => path.test(found.id.split("?")[0] ?? ""));
      return theirOwn ? ours : null;
    },
  };
}

/** Packs each text beside itself: the daemon sends that where the browser takes it. */
function packed(): Plugin {
  return {
    name: "vcops-packed",
    apply: "build",
    writeBundle() {
      const dist = resolve(import.meta.dirname, "dist");
      for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        writeFileSync(join(dist, `${name}.gz`), gzipSync(readFileSync(join(dist, name)), { level: 9 }));
      }
    },
  };
}

/** Where the development server finds a daemon. */
const daemon = process.env.VCOPS ?? "http://127.0.0.1:8080";

/** What the daemon answers, as if it had sent the page too: it refuses what comes from another origin. */
const proxy = Object.fromEntries(
  ["/api", "/healthz", "/readyz", "/metrics"].map((path) => [
    path,
    { target: daemon, ws: true, changeOrigin: true, headers: { origin: daemon } },
  ]),
);

export default defineConfig({
  plugins: [adoptedStyles(), react(), packed()],
  build: {
    target: "chrome87",
    assetsDir: "assets",
    // Nothing inline: the policy allows pictures as data, but hashed files are cached for good.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    sourcemap: false,
    // The budgets' test reads which file needs which.
    manifest: "manifest.json",
  },
  server: { proxy },
  preview: { proxy },
});
