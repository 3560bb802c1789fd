// What Grafana takes for a dashboard. The check (deploy/local/grafana.py) puts one in the place of the last word.
// In JSON an enumeration is one of its words.
import type { Dashboard } from "@grafana/schema";

type Json<T> = T extends string
  ? `${T}`
  : T extends number | boolean | null | undefined
    ? T
    : T extends (infer Element)[]
      ? Json<Element>[]
      : T extends object
        ? { [Key in keyof T]: Json<T[Key]> }
        : T;

export const dashboard: Json<Dashboard> = DASHBOARD;
