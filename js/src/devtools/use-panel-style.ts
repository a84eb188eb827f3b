import { useInsertionEffect } from "react";
import { css } from "./panel-css.js";

let users = 0;
let sheet: CSSStyleSheet | undefined;

/**
 * Puts the panel's style into the page for as long as there is a panel. A sheet that is constructed is no inline style, so that a Content
 * Security Policy lets it through, whatever it says of styles.
 */
export function usePanelStyle(): void {
  useInsertionEffect(() => {
    if (!document.adoptedStyleSheets) return; // jsdom: the panel is plain there
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(css);
    }
    const style = sheet;
    users += 1;
    if (users === 1) document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
    return () => {
      users -= 1;
      if (users === 0) document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== style);
    };
  }, []);
}
