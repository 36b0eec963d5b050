// Inline icons: fonts of the users' desktops lack such signs.

const PATHS = {
  phone:
    "M4 1.5 6 1l1.5 3.5L6 6c.6 1.6 2 3.2 4 4l1.5-1.5L15 10l-.5 2.2c-.2.8-1 1.4-1.8 1.3C7 13 3 9 2.4 3.3 2.3 2.5 3 1.7 4 1.5z",
  done: "M2 8.5 6 12.5 14 3.500",
  ring: "M8 2.500a5.500 5.500 0 1 0 .01 0z",
  again: "M13 8a5 5 0 1 1-1.600-3.700M13 1.500v3.300H9.700",
  open: "M5 3l5 5-5 5",
  shut: "M3 6l5 5 5-5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 16 16" className={`icon ${name}`} aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
