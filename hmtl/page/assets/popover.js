// What is said of the mark under the pointer or with the focus, beside it, and at the foot of narrow windows.

const POPOVER = { gap: 8, margin: 8, narrow: 512 };

// Without lines it goes away. The first line is the text, the others are what the layers say of it.
function say(lines, near) {
  const popover = byId("status");
  popover.replaceChildren(...(lines || []).map((line, number) => element("span", { class: number ? "line" : "line first" }, line)));
  popover.style.cssText = "";
  if (!lines || !near || innerWidth < POPOVER.narrow) return;
  const rects = [...near.getClientRects()];
  const rect = rects[rects.length - 1];
  if (!rect) return;
  const { width, height } = popover.getBoundingClientRect();
  const below = rect.bottom + POPOVER.gap;
  const top = below + height + POPOVER.margin < innerHeight ? below : Math.max(POPOVER.margin, rects[0].top - POPOVER.gap - height);
  const left = Math.min(Math.max(POPOVER.margin, rect.left), innerWidth - width - POPOVER.margin);
  popover.style.setProperty("top", `${top}px`);
  popover.style.setProperty("left", `${left}px`);
}
