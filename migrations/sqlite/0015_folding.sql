-- In which way labels are folded: the program folds anew what was folded in an earlier one.
ALTER TABLE head ADD COLUMN folding INTEGER NOT NULL DEFAULT 1 CHECK (folding >= 1);
