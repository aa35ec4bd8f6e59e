-- Which approval takes the place of another, of whatever company and chip.
CREATE INDEX approval_supersedes_idx ON approval (supersedes, since);
