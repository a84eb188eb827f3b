import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { Page } from "./page.js";

const parameters = Object.fromEntries(new URLSearchParams(location.search));
createRoot(document.getElementById("root")).render(createElement(Page, parameters));
