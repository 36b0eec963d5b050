// Where the page begins.

import { createRoot } from "react-dom/client";
import { App } from "./frame/App.tsx";
import "./style/tokens.css";
import "./style/page.css";
import "./style/parts.css";

const root = document.getElementById("app");
if (root) createRoot(root).render(<App />);
