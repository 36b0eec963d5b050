// Finding venues by the initials of their pinyin: 桂东县 by `gdx`. The browser's own Chinese order tells the initials,
// so no table travels with the page; the few place names that read otherwise are listed.

const LETTERS = "abcdefghjklmnopqrstwxyz";
/** The first character of each initial in pinyin order. */
const FIRST = [..."阿八嚓哒妸发旮哈讥咔垃妈拏噢妑七呥仨他哇夕丫帀"];
/** Place names whose common reading is not the first of the order. */
const OTHERWISE: Record<string, string> = {
  重: "c",
  厦: "x",
  长: "c",
  六: "l",
  乐: "l",
  单: "s",
  解: "x",
  尉: "y",
  莘: "s",
  朝: "c",
  曾: "z",
};

let collator: Intl.Collator | null = null;

function initial(character: string): string {
  if (character < "\u4e00" || character > "\u9fff") return character.toLowerCase();
  const known = OTHERWISE[character];
  if (known) return known;
  collator ??= new Intl.Collator("zh-Hans-CN-u-co-pinyin");
  for (let at = FIRST.length - 1; at >= 0; at -= 1) {
    if (collator.compare(FIRST[at] ?? "", character) <= 0) return LETTERS[at] ?? "";
  }
  return "";
}

const known = new Map<string, string>();

/** The initials of a name: `桂东县` → `gdx`. */
export function initials(name: string): string {
  let found = known.get(name);
  if (found === undefined) {
    found = [...name].map(initial).join("");
    known.set(name, found);
  }
  return found;
}

/** Full-width digits and letters as people's input methods give them. */
const plain = (text: string) =>
  text
    .replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/\s+/g, "")
    .toLowerCase();

/** Whether a name is meant by what was typed: part of it, or of its initials. */
export function meant(name: string, typed: string): boolean {
  const wanted = plain(typed);
  if (!wanted) return true;
  return plain(name).includes(wanted) || initials(plain(name)).includes(wanted);
}
