// What disturbs a meeting, or changes who may do what, needs the password once more. It is asked for when the daemon
// says so; what was asked for then goes on by itself.

import { useCallback, useEffect, useRef, useState } from "react";
import { ask, Problem, whenProofNeeded } from "../api/client.ts";
import { useWords } from "../words/index.ts";
import { Dialog, DialogForm } from "./Dialog.tsx";

export function Proof() {
  const w = useWords();
  const [asking, setAsking] = useState(false);
  const [second, setSecond] = useState(false);
  const [told, setTold] = useState("");
  const waiting = useRef<((done: boolean) => void)[]>([]);
  useEffect(() => {
    whenProofNeeded(
      () =>
        new Promise((resolve) => {
          waiting.current.push(resolve);
          setAsking(true);
        }),
    );
    return () => whenProofNeeded(() => Promise.resolve(false));
  }, []);
  const end = useCallback((done: boolean) => {
    setAsking(false);
    setTold("");
    for (const resolve of waiting.current.splice(0)) resolve(done);
  }, []);
  if (!asking) return null;
  const send = (value: (name: string) => string) => {
    const code = value("code").trim();
    ask("POST", "/api/v1/session/proof", { password: value("password"), ...(code && { code }) }).then(
      () => end(true),
      (problem: unknown) => {
        if (problem instanceof Problem && problem.code === "second_factor_needed") setSecond(true);
        setTold(problem instanceof Problem ? problem.whole : String(problem));
      },
    );
  };
  return (
    <Dialog title={w.pass.proof} close={() => end(false)}>
      <DialogForm done={send} close={() => end(false)}>
        <p className="mut">{w.pass.proofText}</p>
        <label>
          <span>{w.sign.password}</span>
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        {second && (
          <label>
            <span>{w.sign.code}</span>
            <input name="code" type="text" autoComplete="one-time-code" inputMode="numeric" required />
          </label>
        )}
        <p className="urgent" role="alert">
          {told}
        </p>
      </DialogForm>
    </Dialog>
  );
}
